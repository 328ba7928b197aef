/*
 * Points in the blocks of cart and checkout. All texts and numbers come with the cart (extensions.pointsync); this
 * script only shows them, and tells the shop how many points to use.
 */
( function ( element, plugins, data, checkout ) {
	const el = element.createElement;

	function Points( props ) {
		const view = ( props.extensions && props.extensions.pointsync ) || { state: 'none' };
		const [ typed, setTyped ] = element.useState( null );
		const [ isBusy, setBusy ] = element.useState( false );
		const [ problem, setProblem ] = element.useState( '' );
		/* The summary is on the page twice, for narrow and wide windows. */
		const [ id ] = element.useState( function () {
			return 'pointsync-points-' + Math.random().toString( 36 ).slice( 2 );
		} );
		const value = null === typed ? String( view.most || '' ) : typed;

		function use( points ) {
			setBusy( true );
			setProblem( '' );
			checkout
				.extensionCartUpdate( { namespace: 'pointsync', data: { points: points } } )
				.then( function () {
					setTyped( null );
				} )
				.catch( function ( error ) {
					setProblem( ( error && error.message ) || '' );
				} )
				.finally( function () {
					setBusy( false );
				} );
		}

		function submit( event ) {
			event.preventDefault();
			use( /^\d{1,12}$/.test( value ) ? parseInt( value, 10 ) : -1 );
		}

		/* A form cannot be in the checkout's own form, so Enter is handled here. */
		function onKey( event ) {
			if ( 'Enter' === event.key ) {
				submit( event );
			}
		}

		if ( 'none' === view.state && ! view.earn ) {
			return null;
		}
		return el(
			'div',
			{ className: 'pointsync-block' },
			'none' === view.state ? null : el(
				'section',
				{ className: 'pointsync-use', 'aria-label': view.title },
				el( 'p', { 'aria-live': 'polite' }, view.text ),
				'confirm' === view.state && el( 'p', null, el( 'a', { href: view.url }, view.button ) ),
				'offer' === view.state && el(
					'div',
					{ className: 'pointsync-row' },
					el(
						'div',
						null,
						el( 'label', { htmlFor: id }, view.label ),
						el( 'input', {
							id: id,
							type: 'number',
							inputMode: 'numeric',
							min: view.minimum,
							max: view.most,
							step: view.step,
							value: value,
							'aria-describedby': problem ? id + '-problem' : undefined,
							'aria-invalid': problem ? true : undefined,
							onChange: function ( event ) {
								setTyped( event.target.value );
							},
							onKeyDown: onKey,
						} )
					),
					el(
						'button',
						{ type: 'button', className: 'wc-block-components-button wp-element-button contained', disabled: isBusy, onClick: submit },
						el( 'span', { className: 'wc-block-components-button__text' }, view.button )
					)
				),
				'used' === view.state && el(
					'button',
					{
						type: 'button',
						className: 'pointsync-linklike',
						disabled: isBusy,
						onClick: function () {
							use( 0 );
						},
					},
					view.button
				),
				problem ? el( 'p', { id: id + '-problem', role: 'alert', className: 'pointsync-problem' }, problem ) : null
			),
			view.earn ? el( 'p', { className: 'pointsync-earn' }, view.earn ) : null
		);
	}

	/* The coupon that stands for the points is called after them. */
	checkout.registerCheckoutFilters( 'pointsync', {
		coupons: function ( coupons ) {
			const cart = data.select( 'wc/store/cart' ).getCartData();
			const view = ( cart.extensions && cart.extensions.pointsync ) || {};
			return coupons.map( function ( coupon ) {
				return /^points-[a-z0-9]{12}$/.test( coupon.code )
					? Object.assign( {}, coupon, { label: view.coupon && view.code === coupon.code ? view.coupon : view.title || coupon.label } )
					: coupon;
			} );
		},
	} );

	plugins.registerPlugin( 'pointsync', {
		render: function () {
			return el( checkout.ExperimentalDiscountsMeta, null, el( Points ) );
		},
		scope: 'woocommerce-checkout',
	} );
} )( window.wp.element, window.wp.plugins, window.wp.data, window.wc.blocksCheckout );
